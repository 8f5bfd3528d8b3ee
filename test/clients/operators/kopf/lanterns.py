"""An operator on kopf: lanterns that are lit, watched over and put out. Run by `kopf run`, which keeps two of them apart."""

import os

import kopf

GROUP, VERSION, PLURAL = "harbor.sampan.dev", "v1", "lanterns"


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_):
    folder = os.environ["WEBHOOK_CERTS"]
    settings.admission.server = kopf.WebhookServer(
        addr="127.0.0.1",
        host="127.0.0.1",
        port=int(os.environ["WEBHOOK_PORT"]),
        certfile=f"{folder}/tls.crt",
        pkeyfile=f"{folder}/tls.key",
        cafile=f"{folder}/ca.crt",
    )
    settings.admission.managed = "lanterns.harbor.sampan.dev"
    settings.persistence.finalizer = "harbor.sampan.dev/lit"
    settings.posting.level = 0


@kopf.on.mutate(GROUP, VERSION, PLURAL, operations=["CREATE", "UPDATE"])
def default(patch: kopf.Patch, spec, **_):
    if "colour" not in spec:
        patch.spec["colour"] = "white"


@kopf.on.validate(GROUP, VERSION, PLURAL)
def validate(spec, warnings: list[str], **_):
    if spec.get("colour") == "black":
        raise kopf.AdmissionError("a black lantern gives no light", code=422)
    if spec.get("colour") == "blue":
        warnings.append("blue lanterns are hard to see")


@kopf.on.create(GROUP, VERSION, PLURAL)
def light(name, namespace, spec, patch, memo, **_):
    memo.colour = spec["colour"]
    patch.status["lit"] = True
    return {"colour": spec["colour"]}


@kopf.on.create(GROUP, VERSION, PLURAL, id="slow", retries=3, backoff=0.2)
def slow(retry, **_):
    if retry < 2:
        raise kopf.TemporaryError("the oil is not there yet", delay=0.2)
    return {"tries": retry + 1}


@kopf.on.field(GROUP, VERSION, PLURAL, field="spec.colour", old=kopf.PRESENT)
def repaint(old, new, patch, **_):
    patch.status["painted"] = f"{old} to {new}"


@kopf.timer(GROUP, VERSION, PLURAL, interval=0.5)
def flicker(status, patch, **_):
    patch.status["flickers"] = status.get("flickers", 0) + 1


@kopf.on.delete(GROUP, VERSION, PLURAL)
def put_out(name, namespace, logger, **_):
    logger.info("put out %s", name)


@kopf.index("configmaps", labels={"oil": kopf.PRESENT})
def oil(name, labels, **_):
    return {labels["oil"]: name}


@kopf.on.event("configmaps", labels={"oil": kopf.PRESENT})
def delivered(name, logger, oil: kopf.Index, **_):
    logger.info("oil: %s", sorted(oil))
