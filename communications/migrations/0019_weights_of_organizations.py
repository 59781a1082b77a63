"""Organizations that share a provider's account get parts of it by their weights."""

import django.core.validators
from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0018_senders_closed_by_region'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='sending_weight',
            field=models.PositiveSmallIntegerField(db_default=1, default=1, help_text='Where organizations share a provider’s account and more is due than it takes, one of weight 2 gets twice as much of it as one of weight 1, and so on up to 100.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('sending_weight__range', (1, 100))), name='sending_weight_is_in_range'),
        ),
    ]
