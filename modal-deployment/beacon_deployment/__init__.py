"""What Beacon runs on Modal. Only `beacon_deployment.modal_app` knows Modal; the rest is plain Python."""

__version__ = "0.1.0"
