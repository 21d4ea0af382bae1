#include "runtime/base/prng.hpp"
#include "tests/actors/peers/peers_fixture.hpp"
#include <atomic>
#include <fstream>
#include <poll.h>
#include <thread>

using namespace peers_test;

namespace {

// A line between two servers that can be cut: once, on the connection that has carried so many bytes towards the server.
class relay {
public:
  explicit relay(uint16_t to, size_t cut_after) : to_("127.0.0.1:" + std::to_string(to)), cut_after_(cut_after) {
    auto fd = net::listen_on("127.0.0.1", 0);
    REQUIRE(fd.ok());
    listener_ = *fd;
    thread_ = std::thread([this] { run(); });
  }
  ~relay() {
    stop_ = true;
    thread_.join();
    for (auto& p : pairs_) drop(p);
    ::close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(net::port_of(listener_)); }
  int cuts() const { return cuts_; }

private:
  struct pair {
    int left = -1, right = -1;
    size_t passed = 0;
  };
  static void drop(pair& p) {
    ::close(p.left);
    ::close(p.right);
    p.left = -1;
  }
  // Blocking writes: the test's other side always reads.
  static bool pass(int from, int to, size_t& passed) {
    char buffer[16384];
    const auto n = ::recv(from, buffer, sizeof buffer, 0);
    for (ssize_t done = 0; done < n;) {
      const auto w = ::send(to, buffer + done, static_cast<size_t>(n - done), MSG_NOSIGNAL);
      if (w <= 0) return false;
      done += w;
    }
    if (n > 0) passed += static_cast<size_t>(n);
    return n > 0;
  }
  void run() {
    while (!stop_) {
      std::vector<pollfd> fds{{listener_, POLLIN, 0}};
      for (auto& p : pairs_) {
        fds.push_back({p.left, POLLIN, 0});
        fds.push_back({p.right, POLLIN, 0});
      }
      if (::poll(fds.data(), fds.size(), 20) <= 0) continue;
      for (size_t i = 0; i < pairs_.size(); ++i) {
        auto& p = pairs_[i];
        size_t back = 0;
        bool alive = true;
        if (fds[1 + 2 * i].revents != 0) alive = pass(p.left, p.right, p.passed);
        if (alive && fds[2 + 2 * i].revents != 0) alive = pass(p.right, p.left, back);
        if (alive && cut_after_ > 0 && p.passed > cut_after_) {
          alive = false;
          cut_after_ = 0;
          ++cuts_;
        }
        if (!alive) drop(p);
      }
      std::erase_if(pairs_, [](auto& p) { return p.left < 0; });
      if (fds[0].revents != 0) {
        const int left = ::accept(listener_, nullptr, nullptr);
        auto to = net::parse_endpoint(to_);
        const int right = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(right, reinterpret_cast<const sockaddr*>(&to->storage), to->length) == 0) {
          pairs_.push_back({left, right});
        } else {
          ::close(left);
          ::close(right);
        }
      }
    }
  }
  std::string to_;
  size_t cut_after_;
  int listener_ = -1;
  std::atomic<int> cuts_{0};
  std::atomic<bool> stop_{false};
  std::vector<pair> pairs_;
  std::thread thread_;
};

std::string make_file(const server& s, size_t size) {
  const auto path = s.setup.data_dir + "/snapshot";
  std::ofstream out(path, std::ios::binary);
  prng random(size);
  std::string bytes(size, '\0');
  for (auto& c : bytes) c = static_cast<char>(random());
  out << bytes;
  return path;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

peers_send_snapshot snapshot_to(const server_id& to, const std::string& path) {
  peers_send_snapshot s;
  s.to = to;
  s.path = path;
  s.install.kind = raft::message_kind::install_snapshot;
  s.install.from = "a";
  s.install.to = to;
  s.install.term = raft_term{4};
  s.install.log_index = raft_index{1000};
  s.install.log_term = raft_term{3};
  return s;
}

} // namespace

TEST_CASE("a snapshot arrives whole, and the sender hears of it once") {
  server a("a"), b("b");
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  for (const size_t size : {size_t{5} * 1024 * 1024 + 17, size_t{0}, size_t{1}}) {
    const auto count = b.h->arrived.size();
    const auto path = make_file(a, size);
    a.send(snapshot_to("b", path));
    REQUIRE(b.h->until([&] { return b.h->arrived.size() == count + 1; }));
    REQUIRE(a.h->until([&] { return a.h->sent.size() == count + 1; }));
    CHECK(a.h->sent.back().arrived);
    CHECK(a.h->sent.back().at == raft_index{1000});
    CHECK(b.h->arrived.back().install.log_index == raft_index{1000});
    CHECK(contents(b.h->arrived.back().path) == contents(path));
  }
}

TEST_CASE("a snapshot goes on where a cut connection left off") {
  server a("a"), b("b");
  const size_t size = 24 << 20;
  relay line(b.port(), size / 2);
  a.want({{"b", line.address()}});
  REQUIRE(a.hears_of("b"));
  const auto path = make_file(a, size);
  a.send(snapshot_to("b", path));
  REQUIRE(a.h->until([&] { return a.h->sent.size() == 1; }, 30s));
  CHECK(line.cuts() == 1);
  CHECK(a.h->sent[0].arrived);
  REQUIRE(b.h->until([&] { return b.h->arrived.size() == 1; }));
  CHECK(b.h->arrived[0].path.ends_with("snapshot-in-1.part")); // the same file went on
  CHECK(contents(b.h->arrived[0].path) == contents(path));
}

TEST_CASE("a receiver that cannot write refuses, and keeps its connections") {
  server a("a"), b("b", 0, [](auto& s) { s.data_dir += "/missing"; });
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  a.send(snapshot_to("b", make_file(a, 3 << 20)));
  REQUIRE(a.h->until([&] { return a.h->sent.size() == 1; }));
  CHECK_FALSE(a.h->sent[0].arrived);
  CHECK(a.h->lost.empty());
  CHECK(b.h->arrived.empty());
}

TEST_CASE("a snapshot to nobody, or of no file, ends as not arrived") {
  server a("a"), b("b");
  a.want({{"b", b.address()}});
  REQUIRE(a.hears_of("b"));
  a.send(snapshot_to("b", a.setup.data_dir + "/none"));
  a.send(snapshot_to("c", make_file(a, 10)));
  REQUIRE(a.h->until([&] { return a.h->sent.size() == 2; }));
  for (auto& s : a.h->sent) CHECK_FALSE(s.arrived);
}

TEST_CASE("what a former run left half received is removed") {
  server a("a", 0, [](auto& s) { std::ofstream(s.data_dir + "/snapshot-in-3.part") << "old"; });
  CHECK_FALSE(std::filesystem::exists(a.setup.data_dir + "/snapshot-in-3.part"));
}
