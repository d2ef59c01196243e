"""What a person asks for, one verb a file; knows ports, and nothing of HTTP but `problems`."""
