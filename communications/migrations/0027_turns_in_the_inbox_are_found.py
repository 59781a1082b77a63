"""Deliveries are found by whose turn it is, and who knows a sender by the address alone.

By itself and outside a transaction: nobody waits for a large table meanwhile.
"""

from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0026_turns_in_the_inbox'),
    ]

    operations = [
        AddIndexOnline(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('apply_after__isnull', False)), fields=['tries', 'fairness_key', 'apply_after', 'id'], name='delivery_turns'),
        ),
        AddIndexOnline(
            model_name='address',
            index=models.Index(fields=['value'], name='address_by_value'),
        ),
    ]
