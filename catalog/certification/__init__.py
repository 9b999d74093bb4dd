"""How right what is placed will be: calibration, the test, its evidence, what it rests on, what it lacks."""
