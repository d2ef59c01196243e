"""Real MongoDB and Redis servers without root or Docker."""
