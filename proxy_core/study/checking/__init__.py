"""Whether each turn finds what the turn before it left: a guard against volatile bytes in prompts.

`judging` compares the turns with a measure (`measures`: by their text, or counted by a live llama-server) and
makes a `report.Report`; `as_json`, `junit` and `github` write it for programs.
"""
