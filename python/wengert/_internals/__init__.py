"""What the public modules stand on: no name in here is meant to be imported by users."""

version = "0.1.0"
