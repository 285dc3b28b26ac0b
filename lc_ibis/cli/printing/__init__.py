"""What the commands print for people; plain text where the output is no terminal."""
