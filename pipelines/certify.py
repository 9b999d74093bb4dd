"""Earns a certificate for the serving model under today's settings and turns it into a policy.  Part of every night."""

import json
from dataclasses import replace

import polars as pl

from catalog.certification import shortage
from catalog.certification.carrying import carried
from catalog.certification.certificate import Carried, Certificate, Terms, certify
from catalog.certification.policy import Policy
from catalog.jobs import Job, digest, now
from catalog.learning import examples
from catalog.placement import audit_watch, grounds, ledger, look_alikes, vendor_categories, ways_back
from catalog.taxonomies.category_moves import Translation
from catalog.taxonomies.versions import latest_taxonomy


def run(job: Job, *, model_id: str | None = None) -> Policy | None:
    """Returns the model's policy for these settings, issuing certificate and policy when there is none yet.

    Every attempt on the same calibration labels is counted and spends part of delta. Without a model: None.
    """
    store, settings = job.store, job.settings
    model_id = model_id or ledger.current_model(store)
    if model_id is None:
        return None
    found = store.query(
        "SELECT body, certificate_id FROM policies WHERE model_id = ? AND settings_hash = ? ORDER BY seq DESC LIMIT 1",
        [model_id, settings.routing_hash],
    )
    if not found.height:
        return _issue(job, model_id)
    body, certificate_id = found.row(0)
    return _adapt(job, Policy.from_dict(json.loads(body)), certificate_id)


def _adapt(job: Job, standing: Policy, certificate_id: str) -> Policy:
    """The standing policy where it is still what its certificate gives; else that, in today's departments and without
    what lost its grounds or what the audit stopped, unless random draws earned it back; written down."""
    store = job.store
    earned = store.one(
        "SELECT body FROM policies WHERE certificate_id = ? AND body IS NOT NULL ORDER BY seq LIMIT 1", [certificate_id]
    )
    translation = Translation.from_version(store, ledger.certified_under(store, certificate_id))
    policy = grounds.translated(Policy.from_dict(json.loads(earned)), translation)
    taxonomy = latest_taxonomy(store)
    left, found = grounds.standing(store, job.workspace.vendors, taxonomy, policy, certificate_id)
    watched = audit_watch.Watched(certificate_id, policy, taxonomy)
    audit_watch.watch(job, watched)
    left, stopped = audit_watch.without_stopped(store, left, certificate_id)
    found = pl.concat([found.join(stopped, on=["kind", "key"], how="anti"), stopped])
    left, found = ways_back.follow(job, watched, left, found)
    if left.policy_id == standing.policy_id:
        return standing
    facts = {"policy_id": left.policy_id, "certificate_id": certificate_id, "run_id": job.run_id}
    with store.transaction():
        _append_policy(job, left, certificate_id)
        rows = found.drop("ground", "since").with_columns(pl.lit(value).alias(name) for name, value in facts.items())
        store.append("suspensions", rows.with_columns(suspended_at=pl.lit(now())))
    return left


def _issue(job: Job, model_id: str) -> Policy:
    store, routing = job.store, job.settings.routing
    calibration = examples.sample(store, model_id, "calibration")
    labels = examples.fingerprint(calibration)
    attempt = 1 + examples.attempts(store, labels)
    terms = Terms(
        model_id=model_id,
        min_level=routing.min_level,
        groups=routing.groups,
        attempt=attempt,
        issued_at=now().isoformat(),
    )
    taxonomy = latest_taxonomy(store)
    # What sends items to review is decided before any calibration label is looked at, and is part of what is certified.
    taught = vendor_categories.learn(store.query(vendor_categories.TAUGHT, [model_id]), taxonomy)
    held = vendor_categories.rules(taught, store.query(vendor_categories.SAID))
    certificate = _earned(job, calibration, held, terms)
    policy = Policy.from_certificate(certificate, audit_share=routing.audit_share, control_share=routing.control_share)
    policy = grounds.with_vendors(store, policy, routing.unseen_vendor)
    certificate_id = digest(certificate.to_dict())
    folder = job.workspace.vendors
    rests_on = grounds.grounds(folder, grounds.read_vendors(store, folder, policy), taxonomy)
    with store.transaction():
        store.append_row(
            "certificates",
            certificate_id=certificate_id,
            model_id=model_id,
            target=routing.target,
            delta=routing.delta,
            calibration_hash=labels,
            attempt=attempt,
            body=json.dumps(certificate.to_dict()),
            taxonomy_version=taxonomy.version,
            issued_at=now(),
        )
        store.append("grounds", rests_on.with_columns(certificate_id=pl.lit(certificate_id)))
        store.append("vendor_category_rules", held.with_columns(certificate_id=pl.lit(certificate_id)))
        _append_policy(job, policy, certificate_id)
    return policy


def _earned(job: Job, calibration: pl.DataFrame, held: pl.DataFrame, terms: Terms) -> Certificate:
    """The certificate of what serves, and whether decisions may be carried to look-alikes of what it leaves to people."""
    store, taxonomy, routing = job.store, latest_taxonomy(job.store), job.settings.routing
    before, after = (
        vendor_categories.with_conflicts(vendor_categories.with_vendor_category(store, part), held, taxonomy)
        for part in (examples.sample(store, terms.model_id, "temperature"), calibration)
    )
    found = certify(before, after, taxonomy, target=routing.target, delta=routing.delta, terms=terms)
    samples = {"temperature": before, "calibration": after}
    contents = pl.concat(part.select("vendor", "item_id", "input_hash") for part in samples.values())
    alike = look_alikes.among(job, contents)
    samples = {name: part.join(alike, on=["vendor", "item_id"], how="left") for name, part in samples.items()}
    return replace(found, look_alikes=carried(samples.items(), found, taxonomy, terms))


def outlook(job: Job, model_id: str) -> str:
    """What a model may do by itself under today's settings, or how many more labels which department needs for it."""
    policy = run(job, model_id=model_id)
    if policy is None or policy.leaf_bar is None:
        calibration = examples.sample(job.store, model_id, "calibration")
        routing = job.settings.routing
        return "\n".join(shortage.advice(calibration, latest_taxonomy(job.store), routing.target, routing.delta))
    certificate = ledger.certificate(job.store, model_id, job.settings)
    share = certificate.leaf.coverage if certificate else 0.0
    placed = f"Certified at {policy.target:.0%}: {share:.1%} of the calibration products are placed at a leaf."
    alike = certificate.look_alikes if certificate else None
    return placed if alike is None or not alike.products else f"{placed}\n{_carries(alike, policy.target)}"


def _carries(found: Carried, target: float) -> str:
    told = f"of {found.products} tried {found.wrong} belong elsewhere"
    if found.passed:
        return f"Decisions also settle look-alikes that come later: {told}."
    needed = shortage.least(target, found.level)
    return f"Decisions do not carry to look-alikes that come later: {told}; with none wrong it takes {needed}."


def _append_policy(job: Job, policy: Policy, certificate_id: str) -> None:
    job.store.append_row(
        "policies",
        policy_id=policy.policy_id,
        seq=1 + (job.store.one("SELECT count(*) FROM policies") or 0),
        model_id=policy.model_id,
        settings_hash=job.settings.routing_hash,
        certificate_id=certificate_id,
        body=json.dumps(policy.to_dict()),
        created_at=now(),
    )
