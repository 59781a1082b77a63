"""Contents of files move to the storage."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('communications', '0020_the_outbox_by_organization'),
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
        migrations.AddIndex(
            model_name='storedfile',
            index=models.Index(fields=['check_after'], name='stored_file_to_check'),
        ),
        migrations.AddConstraint(
            model_name='storedfile',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'ready')), fields=('sha256',), name='content_is_stored_once'),
        ),
    ]
