# A page from Git, served by two replicas. A commit that changes the page replaces them, one after the other, and
# nothing else.

asset "shop" "pages" {
  index = file("./pages/index.html")
}

deployment "shop" "web" {
  image    = "busybox:1.36"
  replicas = 2
  command  = ["httpd", "-f", "-p", "8080", "-h", "/srv"]
  ports    = ["8080"]

  volumes = ["${asset.shop.pages.index}:/srv/index.html:ro"]

  probes {
    readiness {
      http_get {
        path = "/"
        port = 8080
      }
      period = 2
    }
  }
}
