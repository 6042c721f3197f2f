"""The ASIA app: `modal deploy asia.py`."""

import os

os.environ["DEPLOY_REGION"] = "ASIA"

from beacon_deployment.modal_app.region_app import app

__all__ = ["app"]
