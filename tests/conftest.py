"""What all tests run under."""

import os

os.environ["GPULINT_CACHE_DIR"] = ""  # no report of an earlier run, and none left behind
