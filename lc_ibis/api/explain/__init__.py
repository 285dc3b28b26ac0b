"""Why a row is as it is: the lines it was made of, and what holds it."""
