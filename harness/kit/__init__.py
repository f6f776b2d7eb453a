"""For people who write drivers: a conformance kit and a first folder to start from."""
