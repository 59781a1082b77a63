"""Contents of files move to the storage, and what is kept how long can be said.

Expand: `attachment.content` may be empty from now on, and is read where it is not. A later release
takes the column away, once `manage.py move_attachments` has left nothing in it.
"""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('communications', '0020_the_outbox_by_organization'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StoredFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('size', models.BigIntegerField()),
                ('name', models.CharField(max_length=120, unique=True)),
                ('state', models.CharField(choices=[('writing', 'being written'), ('ready', 'Ready'), ('removing', 'being removed')], default='writing', max_length=8)),
                ('check_after', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name='message',
            name='fingerprint',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='message',
            name='text_removed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='trimmed',
            field=models.SmallIntegerField(choices=[(0, 'Nothing'), (1, 'Text'), (2, 'Attempts'), (3, 'Both')], db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_attempt_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7)], verbose_name='days to keep attempts'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_delivery_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7)], verbose_name='days to keep webhooks'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_event_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7)], verbose_name='days to keep timelines'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_message_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(7)], verbose_name='days to keep messages'),
        ),
        migrations.AddField(
            model_name='organization',
            name='keep_text_days',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='days to keep texts and attachments'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='content',
            field=models.BinaryField(null=True),
        ),
        migrations.AddIndex(
            model_name='storedfile',
            index=models.Index(fields=['check_after'], name='stored_file_to_check'),
        ),
        migrations.AddConstraint(
            model_name='storedfile',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'ready')), fields=('sha256',), name='content_is_stored_once'),
        ),
        migrations.AddField(
            model_name='attachment',
            name='stored',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attachments', to='communications.storedfile'),
        ),
    ]
