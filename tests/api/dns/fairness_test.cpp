// What one source of questions may take from the others.
#include "actors/messages/rpc_messages.hpp"
#include "tests/support/few_descriptors.hpp"
#include "tests/api/dns/front_fixture.hpp"
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <filesystem>
#include <optional>
#include <sys/ioctl.h>
#include <thread>

using namespace dns_test;

namespace {

void ask(int fd, const std::string& name) {
  auto q = plain::question(name, dns::type::a);
  REQUIRE(::send(fd, q.data(), q.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(q.size()));
}

std::vector<uint8_t> framed(const std::string& name, size_t times) {
  const auto q = plain::question(name, dns::type::a);
  std::vector<uint8_t> out;
  for (size_t i = 0; i < times; ++i) {
    out.push_back(0);
    out.push_back(static_cast<uint8_t>(q.size()));
    out.insert(out.end(), q.begin(), q.end());
  }
  return out;
}

size_t waiting_bytes(int fd) {
  int n = 0;
  return ::ioctl(fd, FIONREAD, &n) == 0 ? static_cast<size_t>(n) : 0;
}

// A recursor that answers when it is told to.
struct recursor {
  descriptor d{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string address;
  recursor() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(d.fd, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    socklen_t length = sizeof any;
    ::getsockname(d.fd, reinterpret_cast<sockaddr*>(&any), &length);
    address = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  }
  struct question {
    std::vector<uint8_t> bytes;
    sockaddr_in from{};
  };
  // What has come; false when nothing has.
  bool take(question& q) const {
    q.bytes.resize(512);
    socklen_t length = sizeof q.from;
    const ssize_t n = ::recvfrom(d.fd, q.bytes.data(), q.bytes.size() - 32, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&q.from), &length);
    q.bytes.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return n > 12;
  }
  void answer(question q) const {
    q.bytes[2] |= 0x80;
    q.bytes[3] = 0;
    q.bytes[7] = 1;
    for (uint8_t b : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 9, 8, 7, 6}) q.bytes.push_back(b);
    ::sendto(d.fd, q.bytes.data(), q.bytes.size(), 0, reinterpret_cast<sockaddr*>(&q.from), sizeof q.from);
  }
};

bool asks_for(const recursor::question& q, std::string_view label) {
  return std::string_view(reinterpret_cast<const char*>(q.bytes.data()), q.bytes.size()).find(label) != std::string_view::npos;
}

size_t open_descriptors() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{}));
}

} // namespace

TEST_CASE_FIXTURE(by_hand, "a connection that asks for much in one go waits for others between turns, and gets all its answers") {
  add("d1", "10.6.0.1", "web", 80);
  begin();
  descriptor greedy{client(SOCK_STREAM, port)}, other{client(SOCK_STREAM, port)};
  const size_t questions = 300;
  const auto much = framed("web.service.consul", questions), one = framed("web.service.consul", 1);
  REQUIRE(::send(greedy.fd, much.data(), much.size(), 0) == static_cast<ssize_t>(much.size()));
  REQUIRE(::send(other.fd, one.data(), one.size(), 0) == static_cast<ssize_t>(one.size()));
  size_t of_greedy = 0, of_one = 0;
  run_until([&] {
    const size_t had = waiting_bytes(greedy.fd);
    if (of_one == 0) of_one = waiting_bytes(other.fd), of_greedy = had;
    return of_one > 0 && had == questions * of_one;
  });
  REQUIRE(of_one > 0);
  CHECK(of_greedy < questions * of_one); // the other one did not wait for all of them
  for (size_t i = 0; i < questions; ++i) REQUIRE(read_frame(greedy.fd).answer.size() == 1);
  CHECK(read_frame(other.fd).answer.size() == 1);
}

TEST_CASE_FIXTURE(by_hand, "who floods by UDP leaves others their share, and gets what they leave") {
  add("d1", "10.6.0.1", "web", 80);
  begin();
  descriptor flood{client(SOCK_DGRAM, port, "127.0.0.2")}, good{client(SOCK_DGRAM, port, "127.0.0.3")};
  const size_t questions = 250; // more than two batches, and less than the kernel keeps by default
  for (size_t i = 0; i < questions; ++i) ask(flood.fd, "web.service.consul");
  ask(good.fd, "web.service.consul");
  size_t answered = 0, before_good = 0;
  uint8_t buffer[512];
  run_until([&] {
    while (::recv(flood.fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++answered;
    if (before_good == 0 && waiting_bytes(good.fd) > 0) before_good = answered;
    return before_good > 0 && answered == questions;
  });
  CHECK(answered == questions);
  CHECK(before_good > 0);
  CHECK(before_good < questions);
}

TEST_CASE_FIXTURE(by_hand, "questions to recursors leave most descriptors to others, and who asks most loses first") {
  recursor r;
  const test::few_descriptors limit(256); // 32 to each thread's questions
  begin({}, {r.address});
  descriptor flood{client(SOCK_DGRAM, port, "127.0.0.2")}, good{client(SOCK_DGRAM, port, "127.0.0.3")};
  const size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) ask(flood.fd, "n" + std::to_string(i) + ".example.com");
  ask(good.fd, "good.example.com");
  size_t seen = 0, most = 0;
  recursor::question asked, q;
  run_until([&] {
    most = std::max(most, open_descriptors());
    for (; r.take(q); ++seen)
      if (asks_for(q, "good")) asked = q;
    if (seen == 101) { // more of the flood, behind it
      for (int i = 100; i < 300; ++i) ask(flood.fd, "n" + std::to_string(i) + ".example.com");
      ++seen;
    }
    if (seen == 302) r.answer(asked), ++seen;
    return waiting_bytes(good.fd) > 0;
  });
  CHECK(most <= before + 32 + 1);
  CHECK(seen >= 101);
  uint8_t buffer[512];
  const ssize_t n = ::recv(good.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  REQUIRE(n > 0);
  CHECK(plain::joined(plain::reader({buffer, static_cast<size_t>(n)}).read().answer) == "good.example.com. 60 A 9.8.7.6");
}

TEST_CASE_FIXTURE(by_hand, "who asks over TCP and says that he asks no more gets all answers, also those of recursors, and then the end") {
  add("d1", "10.6.0.1", "web", 80);
  add("d7", "elsewhere.example.com", "named", 93);
  recursor r;
  begin({}, {r.address});
  descriptor asker{client(SOCK_STREAM, port)}, with_nothing{client(SOCK_STREAM, port)};
  auto questions = framed("named.service.consul", 1);
  const auto near = framed("web.service.consul", 1);
  questions.insert(questions.end(), near.begin(), near.end());
  REQUIRE(::send(asker.fd, questions.data(), questions.size(), 0) == static_cast<ssize_t>(questions.size()));
  REQUIRE(::shutdown(asker.fd, SHUT_WR) == 0);
  REQUIRE(::shutdown(with_nothing.fd, SHUT_WR) == 0);
  std::optional<recursor::question> asked;
  bool first_ended = false, ended = false;
  std::vector<uint8_t> got;
  run_until([&] {
    uint8_t buffer[512];
    if (recursor::question q; r.take(q)) asked = q;
    first_ended = first_ended || ::recv(with_nothing.fd, buffer, 1, MSG_DONTWAIT) == 0;
    if (first_ended && asked) r.answer(*std::exchange(asked, std::nullopt));
    const ssize_t n = ::recv(asker.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) got.insert(got.end(), buffer, buffer + n);
    ended = n == 0;
    return ended;
  });
  CHECK(ended);
  std::string answers;
  for (size_t at = 0; at + 2 <= got.size();) {
    const size_t length = size_t{got[at]} << 8 | got[at + 1];
    REQUIRE(at + 2 + length <= got.size());
    answers += plain::joined(plain::reader({got.data() + at + 2, length}).read().answer) + "; ";
    at += 2 + length;
  }
  CHECK(answers.find("web.service.consul. 0 A 10.6.0.1") != answers.npos);
  CHECK(answers.find("elsewhere.example.com. 0 A 9.8.7.6") != answers.npos);
}

namespace {
// Servers that answer nobody but who asks for what is good.
rpc_handle::behavior_type silent_servers(rpc_handle::pointer self, std::shared_ptr<std::vector<caf::response_promise>> kept) {
  return {[self, kept](const rpc_call& c) -> caf::result<rpc_answer> {
    if (c.arguments.find("good") != std::string::npos) return rpc_answer{{errc::internal, "No path to datacenter"}, {}};
    kept->push_back(self->make_response_promise());
    return caf::delegated<rpc_answer>{};
  }};
}
} // namespace

TEST_CASE_FIXTURE(by_hand, "on a client agent whose servers are silent, one source does not take all the room for questions") {
  auto kept = std::make_shared<std::vector<caf::response_promise>>();
  auto servers = system.spawn(silent_servers, kept);
  begin({nullptr, status, servers});
  descriptor flood{client(SOCK_STREAM, port, "127.0.0.2")}, good{client(SOCK_DGRAM, port, "127.0.0.3")};
  const auto much = framed("web.service.consul", 4200); // 4,096 may wait
  std::thread sender([&] { REQUIRE(::send(flood.fd, much.data(), much.size(), 0) == static_cast<ssize_t>(much.size())); });
  bool asked = false;
  run_until([&] {
    if (!asked && waiting_bytes(flood.fd) > 0) { // refused: there is no more room
      ask(good.fd, "good.service.consul");
      asked = true;
    }
    return waiting_bytes(good.fd) > 0;
  });
  sender.join();
  uint8_t buffer[512];
  const ssize_t n = ::recv(good.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  REQUIRE(n > 0);
  CHECK(plain::reader({buffer, static_cast<size_t>(n)}).read().code == 3);
  caf::anon_send_exit(servers, caf::exit_reason::kill);
}
