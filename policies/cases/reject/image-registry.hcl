# Judged by: registries = ["ghcr.io/acme"]
statefulset "guarded" "app" {
  image = "ghcr.io/acme-evil/app:1"
}
