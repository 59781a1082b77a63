"""The control API's part that all vendors share, below ``/control/``."""
