# Judged by: root = false
statefulset "guarded" "app" {
  image = "example/app:1"
}
