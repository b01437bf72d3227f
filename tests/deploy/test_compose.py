"""docker-compose.yml: what is closed, who is told which secret, and that all it names is there."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from backend.core.queues import Queue
from tests.deploy.conftest import Production
from tests.support.deployment import ROOT, Secrets, compose, service

COMPOSE = compose()
SERVICES = COMPOSE["services"]
ONE_SHOT = {"migrate", "init"}
NAMES = sorted(SERVICES)


@pytest.mark.parametrize("name", NAMES)
def test_every_container_is_confined(name: str) -> None:
    declared = service(name)
    assert declared["read_only"]
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]
    assert declared["logging"]["options"]["max-size"]
    assert declared["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert declared["mem_limit"]


def test_nothing_but_nginx_can_be_reached_unless_letters_are_to_be_taken() -> None:
    assert {name for name in NAMES if "ports" in SERVICES[name]} == {"nginx", "letterbox"}
    assert {name for name in NAMES if "profiles" in SERVICES[name]} == {"letterbox"}
    assert COMPOSE["networks"]["dms-network"]["internal"]
    outside = {name for name in NAMES if "outside" in SERVICES[name]["networks"]}
    assert outside == {"nginx", "freshclam", "letterbox"}
    assert "dms-network" not in SERVICES["freshclam"]["networks"]


def test_the_backends_believe_nginx_alone() -> None:
    nginx = SERVICES["nginx"]["networks"]["dms-network"]["ipv4_address"]
    assert f"--forwarded-allow-ips={nginx}" in SERVICES["backend"]["command"]


def holders(secret: str) -> set[str]:
    return {name for name in NAMES if secret in SERVICES[name].get("secrets", [])}


def test_each_is_told_no_more_secrets_than_it_needs() -> None:
    storing = {"backend", "letterbox", "worker-fast", "worker-heavy"}
    assert holders("encryption_key") == {*storing, "init"}
    assert holders("database_owner_url") == {"migrate"}
    assert holders("admin_password") == {"init"}
    assert holders("postgres_password") == {"postgres"}
    assert holders("tls_key") == {"nginx", "letterbox"}
    # Its own session, which PgBouncer does not give.
    assert holders("database_direct_url") == {"relay", "init"}


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_named_is_given_and_none_is_in_the_environment(name: str) -> None:
    declared = service(name)
    named = set(re.findall(r"/run/secrets/(\w+)", json.dumps(declared.get("environment", {}))))
    assert named <= set(declared.get("secrets", []))
    for key, value in declared.get("environment", {}).items():
        if "PASSWORD" in key or "_KEY" in key:
            assert str(value).startswith("/run/secrets/")


def test_make_secrets_makes_all_of_them(tmp_path: Path) -> None:
    made = {path.name for path in Secrets.make(tmp_path).directory.iterdir()}
    assert made - set(COMPOSE["secrets"]) == {"redis_password"}  # is part of two others
    assert set(COMPOSE["secrets"]) <= made
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"] == f"./deploy/secrets/{name}"


def test_health_is_checked_where_something_can_be_asked() -> None:
    unchecked = {
        name for name in NAMES if SERVICES[name].get("healthcheck", {}).get("test") is None
    }
    assert unchecked == {"relay", "scheduler", "freshclam", *ONE_SHOT}


def test_what_is_waited_for_can_be_waited_for() -> None:
    for declared in SERVICES.values():
        for other, condition in declared.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert SERVICES[other]["healthcheck"]["test"]
            if condition["condition"] == "service_completed_successfully":
                assert other in ONE_SHOT


def test_everything_mounted_and_every_volume_is_there() -> None:
    sources = [
        volume.split(":")[0] for name in NAMES for volume in SERVICES[name].get("volumes", [])
    ]
    for source in sources:
        if source.startswith("."):
            assert (ROOT / source).exists(), source
    named = {source for source in sources if not source.startswith(".")}
    assert named == set(COMPOSE["volumes"])


def test_each_queue_has_its_worker() -> None:
    for queue in Queue:
        words = SERVICES[f"worker-{queue}"]["command"]
        assert {f"--queues={queue}", f"--hostname={queue}@%h"} <= set(words)
        check = SERVICES[f"worker-{queue}"]["healthcheck"]["test"]
        assert check[-2:] == ["worker", queue]


def test_the_images_are_built_from_what_is_there_and_sent() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    copies = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--)(.+)$", text, re.MULTILINE)
    sources = {source for words in copies for source in words.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    assert "backend/" in sources
    for source in sources:
        assert list(ROOT.glob(source.rstrip("/"))), source
        assert source in sent or source.split("/")[0] in sent, f"{source} is not sent"
    targets = set(re.findall(r"^FROM \S+ AS ([\w-]+)$", text, re.MULTILINE))
    built = {
        declared["build"]["target"]
        for declared in SERVICES.values()
        if declared.get("build", {}).get("dockerfile") == "deploy/Dockerfile"
    }
    assert built == {"backend", "worker-heavy", "nginx"} <= targets


async def test_the_monitoring_asks_for_metrics_that_exist(production: Production) -> None:
    async with httpx.AsyncClient(base_url=production.backends[0].url) as client:
        await client.get("/healthz")
        metrics = (await client.get("/metrics")).text
    exported = set(re.findall(r"^(\w+)[{ ]", metrics, re.MULTILINE))
    dashboard = (ROOT / "deploy/grafana/dashboards/dms.json").read_text()
    panels = json.loads(dashboard)["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    queries += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    asked = set(re.findall(r"\b(?:dms|process)_\w+", " ".join(queries)))
    assert asked
    assert asked <= exported


def test_prometheus_finds_every_backend() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == "backend")
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == ["backend"]
    assert f"--port={discovery['port']}" in SERVICES["backend"]["command"]
