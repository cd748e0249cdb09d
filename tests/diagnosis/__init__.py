"""Why a turn cost what it cost."""
