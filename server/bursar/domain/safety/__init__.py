"""What must not leave, must not be touched unasked, and how the user is asked: pure rules."""
