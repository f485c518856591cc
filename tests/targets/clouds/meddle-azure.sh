# What somebody else does meanwhile: to the slots of the web app, or to the container app.
set -eu
case $1 in
  slots)
    az webapp config container set --name site --resource-group shop \
      --container-image-name registry.example.com/site:other --output none
    ;;
  apps)
    az containerapp update --name jobs --resource-group shop --image jobs:other \
      --revision-suffix other --output none
    az containerapp ingress traffic set --name jobs --resource-group shop \
      --revision-weight jobs--other=100 --output none
    ;;
esac
