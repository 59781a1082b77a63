"""An address is found, whatever its case, among those of all organizations.

By itself and outside a transaction: nobody waits meanwhile.
"""

import django.db.models.functions.text
from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0027_turns_in_the_inbox_are_found'),
    ]

    operations = [
        AddIndexOnline(
            model_name='address',
            index=models.Index(django.db.models.functions.text.Upper('value'), name='address_in_any_case'),
        ),
    ]
