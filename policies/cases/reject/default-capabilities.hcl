# Judged by: default_capabilities = false
statefulset "guarded" "app" {
  image = "example/app:1"
}
