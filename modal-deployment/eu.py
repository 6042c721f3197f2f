"""The EU app: `modal deploy eu.py`."""

import os

os.environ["DEPLOY_REGION"] = "EU"

from beacon_deployment.modal_app.region_app import app

__all__ = ["app"]
