"""How long an organization keeps what."""

import django.core.validators
from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0022_retention_of_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='keep_attempt_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(36500)], verbose_name='days to keep attempts'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_delivery_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(36500)], verbose_name='days to keep webhooks'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_event_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(36500)], verbose_name='days to keep timelines'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_message_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(36500)], verbose_name='days to keep messages'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_text_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)], verbose_name='days to keep texts and attachments'),
        ),
    ]
