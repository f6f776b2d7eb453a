"""Flexrig: flexibility trials on a bench, judged by independent meters."""
