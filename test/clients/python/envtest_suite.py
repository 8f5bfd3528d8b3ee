"""An integration test as kubernetes_lite is used for: controller-runtime's envtest from Python, with the official client."""

import sys

import yaml
from kubernetes import client, config, watch
from kubernetes_lite.envtest import EnvTest


def config_map(name):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data={"a": "b"})


def writes_and_reads(core):
    core.create_namespaced_config_map("default", config_map("one"))
    assert core.read_namespaced_config_map("one", "default").data == {"a": "b"}
    core.patch_namespaced_config_map("one", "default", {"data": {"c": "d"}})
    assert core.read_namespaced_config_map("one", "default").data == {"a": "b", "c": "d"}


def hears_of_changes(core):
    core.create_namespaced_config_map("default", config_map("two"))
    stream = watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=10)
    assert "two" in (event["object"].metadata.name for event in stream)


def refuses_what_is_wrong(core):
    for name, code in (("Not_A_Name", 422), ("one", 409)):
        try:
            core.create_namespaced_config_map("default", config_map(name))
        except client.ApiException as refusal:
            assert refusal.status == code, refusal
        else:
            raise AssertionError(f"{name} was taken")


def main():
    environment = EnvTest()
    config.load_kube_config_from_dict(yaml.safe_load(environment.start(auto_setup=False)))
    core = client.CoreV1Api()
    failures = 0
    for test in (writes_and_reads, hears_of_changes, refuses_what_is_wrong):
        try:
            test(core)
            print("PASS", test.__name__)
        except Exception as error:
            failures += 1
            print("FAIL", test.__name__, repr(error))
    environment.stop()
    return failures


if __name__ == "__main__":
    sys.exit(main())
