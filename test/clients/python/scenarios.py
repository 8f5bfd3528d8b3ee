"""Drives a cluster with the official Python client. Each scenario is reported as a line of JSON on standard output.

    python scenarios.py KUBECONFIG [CONTROL]

CONTROL is where the server can be killed and started again; scenarios that need it are left out without.
"""

import base64
import json
import os
import re
import stat
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes.stream import portforward, stream

IMAGE = os.environ.get("IMAGE", "busybox")
WEB_IMAGE = os.environ.get("WEB_IMAGE", "nginx")
SCENARIOS = []


def scenario(name, controlled=False):
    def add(run):
        SCENARIOS.append((name, run, controlled))
        return run

    return add


class Lab:
    """A namespace of its own, and clients of the cluster."""

    def __init__(self, api, control):
        self.api, self.control = api, control
        self.core, self.apps = client.CoreV1Api(api), client.AppsV1Api(api)
        made = self.core.create_namespace({"metadata": {"generateName": "python-"}})
        self.namespace = made.metadata.name
        self.eventually(lambda: self.core.read_namespaced_service_account("default", self.namespace))

    def ask(self, what, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.control}/{what}", data=data, timeout=60) as response:
            response.read()

    @staticmethod
    def eventually(check, seconds=20):
        end = time.monotonic() + seconds
        while True:
            try:
                return check()
            except (AssertionError, ApiException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def config_map(self, name, labels=None, data=None):
        body = {"metadata": {"name": name, "labels": labels or {}}, "data": data or {}}
        return self.core.create_namespaced_config_map(self.namespace, body)

    def running_pod(self, name, command=("sh", "-c", "echo up; sleep infinity"), image=IMAGE):
        container = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent", "stdin": True}
        if command:
            container["command"] = list(command)
        body = {"metadata": {"name": name}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
        self.core.create_namespaced_pod(self.namespace, body)

        def ready():
            status = self.core.read_namespaced_pod(name, self.namespace).status
            assert any(c.type == "Ready" and c.status == "True" for c in status.conditions or []), status
            return name

        return self.eventually(ready)


def refused(status, call):
    try:
        call()
    except ApiException as error:
        assert error.status == status, error
        return json.loads(error.body)
    raise AssertionError(f"it was not refused with {status}")


@scenario("create, read, list, replace, patch, delete")
def verbs(lab):
    made = lab.config_map("a", data={"k": "1"})
    assert made.metadata.uid and made.metadata.creation_timestamp
    made.data["k"] = "2"
    replaced = lab.core.replace_namespaced_config_map("a", lab.namespace, made)
    assert refused(409, lambda: lab.core.replace_namespaced_config_map("a", lab.namespace, made))["reason"] == "Conflict"
    patched = lab.core.patch_namespaced_config_map("a", lab.namespace, {"data": {"l": "3"}})
    assert patched.data == {"k": "2", "l": "3"} and replaced.data == {"k": "2"}
    patched = lab.core.patch_namespaced_config_map("a", lab.namespace, [{"op": "remove", "path": "/data/k"}])
    assert patched.data == {"l": "3"}
    listed = lab.core.list_namespaced_config_map(lab.namespace, field_selector="metadata.name=a")
    assert [item.metadata.name for item in listed.items] == ["a"]
    lab.core.delete_namespaced_config_map("a", lab.namespace)
    assert refused(404, lambda: lab.core.read_namespaced_config_map("a", lab.namespace))["reason"] == "NotFound"


@scenario("pages")
def pages(lab):
    for number in range(7):
        lab.config_map(f"p-{number}", {"paged": "yes"})
    names, token = [], None
    while True:
        page = lab.core.list_namespaced_config_map(lab.namespace, label_selector="paged=yes", limit=3, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"p-{number}" for number in range(7)], names


@scenario("watch with bookmarks")
def watches(lab):
    start = lab.core.list_namespaced_config_map(lab.namespace).metadata.resource_version
    lab.config_map("a", {"w": "yes"})
    lab.core.patch_namespaced_config_map("a", lab.namespace, {"data": {"x": "y"}})
    lab.core.delete_namespaced_config_map("a", lab.namespace)
    events = watch.Watch().stream(
        lab.core.list_namespaced_config_map,
        lab.namespace,
        resource_version=start,
        label_selector="w=yes",
        allow_watch_bookmarks=True,
        timeout_seconds=3,
    )
    seen = [event["type"] for event in events]
    assert seen[:3] == ["ADDED", "MODIFIED", "DELETED"], seen
    assert set(seen[3:]) <= {"BOOKMARK"} and seen[3:], seen


class Informer(threading.Thread):
    """Lists, then watches from there; lists again when history is gone. Holds names and counts what it hears."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.store, self.heard = lab, {}, []
        self.lists, self.gone, self.ended = 0, 0, threading.Event()
        self.synced = threading.Event()

    def run(self):
        core = client.CoreV1Api(self.lab.api)
        revision = None
        while not self.ended.is_set():
            try:
                if revision is None:
                    listed = core.list_namespaced_config_map(self.lab.namespace)
                    self.lists += 1
                    self.store = {i.metadata.name: i.metadata.resource_version for i in listed.items}
                    revision = listed.metadata.resource_version
                    self.synced.set()
                for event in watch.Watch().stream(
                    core.list_namespaced_config_map,
                    self.lab.namespace,
                    resource_version=revision,
                    timeout_seconds=30,
                    _request_timeout=(2, 35),
                ):
                    metadata = event["object"].metadata
                    revision = metadata.resource_version
                    self.heard.append((event["type"], metadata.name, revision))
                    if event["type"] == "DELETED":
                        self.store.pop(metadata.name, None)
                    else:
                        self.store[metadata.name] = revision
                    if self.ended.is_set():
                        return
            except ApiException as error:
                if error.status != 410:
                    time.sleep(0.1)
                    continue
                self.gone += 1
                revision = None
            except Exception:  # The server is away.
                time.sleep(0.1)

    def converges(self):
        def same():
            listed = self.lab.core.list_namespaced_config_map(self.lab.namespace)
            now = {i.metadata.name: i.metadata.resource_version for i in listed.items}
            assert self.store == now, (len(self.store), len(now))

        self.lab.eventually(same, 30)


def restart(lab, compact):
    for number in range(20):
        lab.config_map(f"cm-{number}")
    informer = Informer(lab)
    informer.start()
    assert informer.synced.wait(10)
    changes = {"create": ["new"], "update": ["cm-1", "cm-2"], "delete": ["cm-3"], "compact": compact}
    lab.ask("kill")
    lab.ask("start", {"namespace": lab.namespace, **changes})
    # Connections to the server that was killed are still in the pool.
    lab.eventually(lambda: lab.core.read_namespaced_config_map("new", lab.namespace))
    informer.converges()
    lab.config_map("after")
    informer.converges()
    informer.ended.set()
    lab.config_map("last")
    assert len(set(informer.heard)) == len(informer.heard), "an event came twice"
    if compact:
        assert informer.gone > 0 and informer.lists > 1, (informer.gone, informer.lists)
    else:
        heard = [(kind, name) for kind, name, _ in informer.heard][:4]
        want = [("ADDED", "new"), ("MODIFIED", "cm-1"), ("MODIFIED", "cm-2"), ("DELETED", "cm-3")]
        assert heard == want and informer.lists == 1, (heard, informer.lists)


@scenario("informer across a restart", controlled=True)
def across_restart(lab):
    restart(lab, compact=False)


@scenario("informer across a restart and compaction", controlled=True)
def across_compaction(lab):
    restart(lab, compact=True)


@scenario("leader election")
def leader_election(lab):
    led, rivals = [], {}

    class Died(Exception):
        pass

    def candidate(name, dies_after):
        alive = threading.Event()
        alive.set()

        class Lock(LeaseLock):
            """One that dies renews no more and says nothing."""

            def update(self, *args):
                if not alive.is_set():
                    raise Died()
                return super().update(*args)

        def leads():
            led.append(name)
            if dies_after:
                time.sleep(dies_after)
                alive.clear()

        def run():
            election = electionconfig.Config(
                Lock("leader", lab.namespace, name), lease_duration=3, renew_deadline=2, retry_period=1,
                onstarted_leading=leads, onstopped_leading=lambda: None,
            )
            try:
                leaderelection.LeaderElection(election).run()
            except Died:
                pass

        rivals[name] = threading.Thread(target=run, daemon=True)
        rivals[name].start()

    candidate("first", 2.0)
    Lab.eventually(lambda: expect(led == ["first"], led))
    candidate("second", 0)
    time.sleep(0.8)
    expect(led == ["first"], led)
    Lab.eventually(lambda: expect(led == ["first", "second"], led))
    lease = client.CoordinationV1Api(lab.api).read_namespaced_lease("leader", lab.namespace)
    assert lease.spec.holder_identity == "second", lease.spec


def expect(condition, detail):
    assert condition, detail


@scenario("exec")
def execute(lab):
    pod = lab.running_pod("exec")
    call = lab.core.connect_get_namespaced_pod_exec
    said = stream(call, pod, lab.namespace, command=["sh", "-c", "echo one"], stdout=True, stderr=True)
    assert said == "one\n", said
    ended = stream(call, pod, lab.namespace, command=["sh", "-c", "exit 7"], stdout=True, stderr=True, _preload_content=False)
    ended.run_forever(timeout=10)
    assert ended.returncode == 7, ended.returncode
    cat = stream(call, pod, lab.namespace, command=["cat"], stdin=True, stdout=True, stderr=True, _preload_content=False)
    cat.write_stdin("hello\n")
    assert cat.readline_stdout(timeout=10) == "hello"
    cat.close()


@scenario("attach")
def attach(lab):
    pod = lab.running_pod("attach", ["cat"])
    call = lab.core.connect_get_namespaced_pod_attach
    attached = stream(call, pod, lab.namespace, stdin=True, stdout=True, stderr=True, _preload_content=False)
    attached.write_stdin("hello\n")
    assert attached.readline_stdout(timeout=10) == "hello"
    attached.close()


@scenario("port-forward")
def forward(lab):
    pod = lab.running_pod("web", (), WEB_IMAGE)
    forwarded = portforward(lab.core.connect_get_namespaced_pod_portforward, pod, lab.namespace, ports="80")
    connection = forwarded.socket(80)
    connection.settimeout(10)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert forwarded.error(80) is None
    connection.close()


@scenario("logs follow")
def logs(lab):
    pod = lab.running_pod("logs", ("sh", "-c", "echo 1; sleep 1; echo 2; sleep infinity"))
    lines = watch.Watch().stream(lab.core.read_namespaced_pod_log, pod, lab.namespace, follow=True)
    assert [next(lines), next(lines)] == ["1", "2"]
    assert lab.core.read_namespaced_pod_log(pod, lab.namespace, tail_lines=1) == "2\n"


@scenario("dynamic client and discovery")
def dynamic_client(lab):
    dyn = dynamic.DynamicClient(lab.api)
    config_maps = dyn.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"a": "b"}}
    config_maps.create(body=body, namespace=lab.namespace)
    assert config_maps.get(name="d", namespace=lab.namespace).data.a == "b"
    config_maps.delete(name="d", namespace=lab.namespace)
    assert dyn.resources.get(api_version="apps/v1", kind="Deployment").short_names == ["deploy"]


@scenario("server-side apply")
def apply(lab):
    dyn = dynamic.DynamicClient(lab.api)
    config_maps = dyn.resources.get(api_version="v1", kind="ConfigMap")

    def said(value):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": value}}

    config_maps.server_side_apply(body=said("1"), namespace=lab.namespace, field_manager="first")
    try:
        config_maps.server_side_apply(body=said("2"), namespace=lab.namespace, field_manager="second")
        raise AssertionError("no conflict")
    except ApiException as error:
        message = json.loads(error.body)["message"]
        assert message == 'Apply failed with 1 conflict: conflict with "first": .data.a', message
    config_maps.server_side_apply(body=said("2"), namespace=lab.namespace, field_manager="second", force_conflicts=True)
    assert lab.core.read_namespaced_config_map("s", lab.namespace).data == {"a": "2"}


@scenario("scale")
def scale(lab):
    labels = {"app": "scaled"}
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", "sleep infinity"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    lab.apps.create_namespaced_deployment(lab.namespace, {"metadata": {"name": "scaled"}, "spec": spec})
    lab.apps.patch_namespaced_deployment_scale("scaled", lab.namespace, {"spec": {"replicas": 3}})

    def scaled():
        status = lab.apps.read_namespaced_deployment("scaled", lab.namespace).status
        assert status.ready_replicas == 3, status.ready_replicas

    lab.eventually(scaled)


@scenario("token request and exec credential plugin")
def credentials(lab):
    request = {"spec": {"expirationSeconds": 600}}
    token = lab.core.create_namespaced_service_account_token("default", lab.namespace, request).status.token
    with tempfile.TemporaryDirectory() as folder:
        plugin = os.path.join(folder, "plugin")
        credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
        with open(plugin, "w") as file:
            file.write(f"#!/bin/sh\nprintf '%s' '{json.dumps(credential)}'\n")
        os.chmod(plugin, stat.S_IRWXU)
        with open(lab.api.configuration.ssl_ca_cert, "rb") as file:
            authority = base64.b64encode(file.read()).decode()
        cluster = {"server": lab.api.configuration.host, "certificate-authority-data": authority}
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "Never"}}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        api = config.new_client_from_config_dict(kubeconfig)
        review = client.AuthenticationV1Api(api).create_self_subject_review({})
    assert review.status.user_info.username == f"system:serviceaccount:{lab.namespace}:default", review.status


@scenario("impersonation")
def impersonation(lab):
    api = client.ApiClient(lab.api.configuration, header_name="Impersonate-User", header_value="jane")
    body = refused(403, lambda: client.CoreV1Api(api).list_namespaced_config_map(lab.namespace))
    want = f'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "{lab.namespace}"'
    assert body["message"] == want, body


def main():
    kubeconfig, control = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    only = os.environ.get("ONLY", "")
    # The leader election of the client takes the default configuration.
    config.load_kube_config(kubeconfig)
    for name, run, controlled in SCENARIOS:
        if (controlled and not control) or not re.search(only, name):
            continue
        start = time.monotonic()
        outcome = {"scenario": name, "ok": True}
        try:
            run(Lab(client.ApiClient(), control))
        except Exception as error:
            outcome = {"scenario": name, "ok": False, "detail": f"{type(error).__name__}: {error}"[:2000]}
            traceback.print_exc()
        outcome["ms"] = round((time.monotonic() - start) * 1000)
        print(json.dumps(outcome), flush=True)


main()
sys.stdout.flush()
# Watches of other threads may still wait for the server.
os._exit(0)
