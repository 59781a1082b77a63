"""Slow tasks wait for the turn of whom they are for."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lib', '0001_shared_state_and_heartbeats'),
    ]

    operations = [
        migrations.CreateModel(
            name='WaitingTask',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('func', models.CharField(max_length=200)),
                ('key', models.BigIntegerField()),
                ('party', models.CharField(max_length=50)),
                ('urgency', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('asked_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(fields=['party', 'urgency', 'id'], name='task_turns')],
                'constraints': [models.UniqueConstraint(fields=('func', 'key'), name='task_waits_once')],
            },
        ),
    ]
