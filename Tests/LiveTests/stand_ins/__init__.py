"""Parts of kafka_stand_in and kafka_older_stand_in. What writes Kafka's messages is Tests/ReplayTests'."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "ReplayTests"))
