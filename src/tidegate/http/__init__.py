"""The HTTP edge: doors that decode, check who is asking, hand to the desk and answer."""
