# What somebody else does to a service of Cloud Run meanwhile.
set -eu
if [ "$1" = true ]; then exit; fi
gcloud run deploy web --image registry.example.com/web:other --project shop-1 \
  --region europe-west1 --quiet --format json
