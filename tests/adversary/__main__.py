"""`python -m adversary …`: the corpus as files, the fuzzing, the table of hostile sizes."""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from pathlib import Path

import click

from adversary.cases import Attack, Variant, refusal
from adversary.corpus import ATTACKS, VARIANTS
from adversary.fuzz import CHUNK, Results, judge_in_processes
from adversary.hostile import MAX_DURATION, costs
from adversary.hostile_groups import GROUPS, MAX_GROWTH, growth
from support.forge import certificate_of, pem_of


@click.group()
def main() -> None:
    """Attack the SAML library."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def corpus(folder: Path) -> None:
    """Write every case as a file: XML if it is XML, else the form value."""
    for attack in ATTACKS:
        _write(folder / "refused" / attack.attack_class.replace(" ", "-"), attack)
    for variant in VARIANTS:
        _write(folder / "read", variant)
    lines = [f"{attack.attack_class} · {attack.name}\n    {_said(attack)}" for attack in ATTACKS]
    (folder / "refusals.txt").write_text("\n".join([*lines, ""]))
    (folder / "idp.crt").write_text(pem_of(certificate_of("idp")))
    classes = Counter(attack.attack_class for attack in ATTACKS)
    for name, count in classes.items():
        click.echo(f"{count:5} {name}")
    click.echo(f"{len(ATTACKS)} refusals and {len(VARIANTS)} variants are in {folder}")


def _write(folder: Path, case: Attack | Variant) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = case.make()
    data = document if isinstance(document, bytes) else document.encode()
    (folder / f"{case.name}.{'txt' if case.raw else 'xml'}").write_bytes(data)


def _said(attack: Attack) -> str:
    refused = refusal(attack)
    return str(refused) if refused else "READ, which it must not be"


@main.command()
@click.option("--mutations", default=100_000, show_default=True, help="How many.")
@click.option("--processes", default=2, show_default=True, help="How many processes work on it, niced.")
@click.option("--seed", default=None, help="Any text; the same seed gives the same mutations.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("build/fuzz"), show_default=True)
def fuzz(mutations: int, processes: int, seed: str | None, folder: Path) -> None:
    """Mutate well-signed responses: nothing but what was signed may be read, nothing may escape."""
    seed = seed or secrets.token_hex(4)
    click.echo(f"{mutations:,} mutations, seed {seed}, {processes} processes")
    begun, total = time.monotonic(), Results()
    for results in judge_in_processes(mutations, seed=seed, processes=processes):
        total.add(results)
        for number, what, form_value in results.findings:
            click.echo(f"\nmutation {number} of seed {seed}: {what}")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{seed}-{number}.txt").write_text(form_value)
        line = f"{total.count:12,} done, {total.count / (time.monotonic() - begun):,.0f} a second"
        if sys.stdout.isatty():
            click.echo(f"\r{line}", nl=False)
        elif total.count % max(mutations // 20 // CHUNK * CHUNK, CHUNK) == 0:
            click.echo(line)
    click.echo(f"\n{total.count:,} mutations in {time.monotonic() - begun:,.0f} s; they ended as")
    for outcome, count in total.outcomes.most_common():
        click.echo(f"{count:12,}  {outcome}")
    if total.findings:
        (folder / "idp.crt").write_text(pem_of(certificate_of("idp"), certificate_of("ec-idp")))
        click.echo(f"{len(total.findings)} findings, in {folder}")
        sys.exit(1)
    click.echo("nothing was read but what was signed, and nothing escaped")


@main.command()
def hostile() -> None:
    """What hostile sizes cost until they are refused, the least of several tries."""
    click.echo(f"{'ms':>7} {'characters':>11}  document, and what ends it")
    too_much = 0
    for cost in costs():
        mark = "  TOO MUCH" if cost.too_much else ""
        click.echo(f"{cost.milliseconds:7.2f} {cost.size:11,}  {cost.attack.name}: {cost.attack.rule}{mark}")
        too_much += cost.too_much
    click.echo(f"each within {MAX_DURATION:.0f} ms" if not too_much else f"{too_much} cost more")
    click.echo(f"\n{'µs':>7} {'growth':>11}  group name of the maximum length, beside one of a quarter")
    for name, make in GROUPS.items():
        microseconds, factor = growth(make)
        mark = "  TOO MUCH" if factor > MAX_GROWTH else ""
        click.echo(f"{microseconds:7.2f} {factor:11.1f}  {name}{mark}")
        too_much += factor > MAX_GROWTH
    if too_much:
        sys.exit(1)


if __name__ == "__main__":
    main()
