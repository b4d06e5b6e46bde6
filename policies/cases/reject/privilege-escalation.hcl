# Judged by: privilege_escalation = false
statefulset "guarded" "app" {
  image = "example/app:1"
}
