# Judged by: pinned_images = true
statefulset "guarded" "app" {
  image = "example/app:1"
}
