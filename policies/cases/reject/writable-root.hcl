# Judged by: writable_root = false
statefulset "guarded" "app" {
  image = "example/app:1"
}
