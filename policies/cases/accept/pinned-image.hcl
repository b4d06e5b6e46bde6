# Judged by: pinned_images = true
statefulset "guarded" "app" {
  image = "example/app:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}
