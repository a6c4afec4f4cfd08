"""A process that starts children quickly, each of which closes every agreement: ``python -m tests.faults.nursery IDS``.

For each line on standard input: forks, prints the child's process id, waits, and prints how it ended (minus
the signal, or its exit code).
"""

from __future__ import annotations

import os
import sys


def close(ids: list[str]) -> None:
    from django.utils import timezone

    from billing.models import Agreement
    from billing.months import Month
    from billing.services import close_period
    from tenants.scope import all_cities

    with all_cities("killed close"):
        for agreement in Agreement.objects.select_related("operator", "client").filter(pk__in=ids).order_by("pk"):
            month = Month.at(timezone.now(), agreement.client.zone).plus(-1)
            close_period(agreement=agreement, month=month)


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    django.setup()
    ids = sys.argv[1:]
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                close(ids)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
