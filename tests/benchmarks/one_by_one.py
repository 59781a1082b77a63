"""`manage.py dispatcher`, but each call to the provider carries one message."""

import sys

from django.core.management import execute_from_command_line

from tests.benchmarks.stack import enter

if __name__ == "__main__":
    enter({})
    from communications.providers.resend import Resend  # Django has to be set up first

    Resend.batch_limit = 1
    execute_from_command_line([sys.argv[0], "dispatcher"])
