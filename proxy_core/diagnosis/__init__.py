"""Why a turn cost what it cost: where its prompt left its predecessor's, whose doing it was, what helps."""
