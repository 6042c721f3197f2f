"""The US app: `modal deploy us.py`."""

import os

os.environ["DEPLOY_REGION"] = "US"

from beacon_deployment.modal_app.region_app import app

__all__ = ["app"]
