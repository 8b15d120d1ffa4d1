"""Builds the Kafka clients that are written in Go, from clients/go, with Go libraries as Debian packages them.

  kafka_go     github.com/segmentio/kafka-go     golang-github-segmentio-kafka-go-dev (not in Debian 12)
  sarama       github.com/IBM/sarama             golang-github-ibm-sarama-dev (not in Debian 12)
  sarama_old   github.com/Shopify/sarama 1.22    golang-github-shopify-sarama-dev

$KAFKA_GOPATH is where the libraries are, in src/ of one or more folders with colons between (default /usr/share/gocode, where
the packages put them); $KAFKA_GOROOT is the Go to build them with, if not the one in PATH: the first two want 1.24 or later. A later Debian's packages can be unpacked
into a folder of their own (dpkg -x), with those that they depend on.
"""

import os
import pathlib
import subprocess

SOURCES = pathlib.Path(__file__).resolve().parent / "clients/go"
GOPATH = os.environ.get("KAFKA_GOPATH", "/usr/share/gocode")
CLIENTS = {
    "kafka_go": ("github.com/segmentio/kafka-go", ["kafka_go_client.go"]),
    "sarama": ("github.com/IBM/sarama", ["sarama_client.go", "sarama_new.go"]),
    "sarama_old": ("github.com/Shopify/sarama", ["sarama_client.go", "sarama_old.go"]),
}


def is_there(client):
    """Whether the library of this client is."""
    return any((pathlib.Path(folder) / "src" / CLIENTS[client][0]).is_dir() for folder in GOPATH.split(":"))


def build(client, directory):
    """The program, made in `directory`; CalledProcessError if it can't be, its reason on standard error."""
    library, files = CLIENTS[client]
    program, place = directory / f"{client}_client", directory / f"{client}.src"
    if not program.exists():
        place.mkdir(exist_ok=True)
        copies = []
        for name in ["behaviour.go", *files]:
            copies.append(place / name)
            copies[-1].write_text((SOURCES / name).read_text().replace('"SARAMA"', f'"{library}"'))
        # Packages without modules: everything is looked for in GOPATH, nothing on the network.
        environment = {**os.environ, "GOPATH": GOPATH, "GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
        go = "go"
        if root := os.environ.get("KAFKA_GOROOT"):
            go, environment["GOROOT"] = f"{root}/bin/go", root
        subprocess.run([go, "build", "-o", program, *copies], check=True, env=environment)
    return program
