// What reaches a service manager, and what does not.
#include "runtime/net/notify_socket.hpp"
#include <cstddef>
#include <cstdlib>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace actord;
using namespace actord::net;

namespace {

// The manager's end, at that address ("@name" for an abstract one).
class listening {
public:
  explicit listening(std::string address) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), path_(address) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address.copy(at.sun_path, sizeof at.sun_path - 1);
    if (address[0] == '@') at.sun_path[0] = '\0';
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size())) == 0);
  }
  ~listening() {
    ::close(fd_);
    if (path_[0] == '/') ::unlink(path_.c_str());
  }
  std::string heard() {
    char text[256];
    const auto n = ::recv(fd_, text, sizeof text, 0);
    return n < 0 ? "nothing" : std::string(text, static_cast<size_t>(n));
  }

private:
  int fd_;
  std::string path_;
};

std::string unique(const char* begin) { return begin + std::string("actord-notify-") + std::to_string(::getpid()); }

} // namespace

TEST_CASE("a message is one datagram, to a path or to an abstract name") {
  for (auto& address : {unique("/tmp/"), unique("@")}) {
    listening m(address);
    const notify_socket socket(address);
    REQUIRE(socket.tell("READY=1\nSTATUS=serving").ok());
    REQUIRE(socket.tell("STOPPING=1").ok());
    CHECK(m.heard() == "READY=1\nSTATUS=serving");
    CHECK(m.heard() == "STOPPING=1");
    CHECK(m.heard() == "nothing");
  }
}

TEST_CASE("where nobody listens, it is no error to say nothing, and one to be told of somebody who is not there") {
  CHECK(notify_socket().tell("READY=1").ok());
  auto gone = notify_socket(unique("/tmp/")).tell("READY=1");
  REQUIRE(!gone.ok());
  CHECK(gone.err().text == "NOTIFY_SOCKET " + unique("/tmp/") + ": No such file or directory");
  for (const std::string& odd : {std::string("tcp:1"), "/" + std::string(107, 'x')}) CHECK(!notify_socket(odd).tell("READY=1").ok());
}

TEST_CASE("the environment is read once, and children do not see it") {
  listening m(unique("@"));
  ::setenv("NOTIFY_SOCKET", unique("@").c_str(), 1);
  const auto socket = notify_socket::from_environment();
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  REQUIRE(socket.tell("READY=1").ok());
  CHECK(m.heard() == "READY=1");
  CHECK(notify_socket::from_environment().tell("READY=1").ok());
  CHECK(m.heard() == "nothing");
}
