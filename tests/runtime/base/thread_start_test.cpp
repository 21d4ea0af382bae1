#include "runtime/base/thread_start.hpp"
#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <mutex>
#include <sys/resource.h>
#include <unistd.h>

using namespace actord;

TEST_CASE("a thread runs under its name and is joined") {
  bool ran = false;
  auto t = start_thread("one", [&] { ran = true; });
  REQUIRE(t.ok());
  t->join();
  CHECK(ran);
  CHECK(can_have_threads(8).ok());
}

TEST_CASE("the signals of the process go to no thread that was started, and as before to who starts it") {
  sigset_t inside, before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  auto t = start_thread("deaf", [&] { ::pthread_sigmask(SIG_SETMASK, nullptr, &inside); });
  REQUIRE(t.ok());
  t->join();
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int s : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    CHECK(sigismember(&inside, s) == 1);
    CHECK(sigismember(&after, s) == sigismember(&before, s));
  }
  CHECK(sigismember(&inside, SIGSEGV) == 0);
}

TEST_CASE("a thread in the background gives way, and no other one with it") {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  int inside = 0;
  auto t = start_thread("back", [&] {
    lower_thread_priority();
    inside = ::getpriority(PRIO_PROCESS, 0);
  });
  REQUIRE(t.ok());
  t->join();
  CHECK(inside == std::max(before, 10));
  CHECK(::getpriority(PRIO_PROCESS, 0) == before);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

uint64_t address_space() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

TEST_CASE("threads that cannot be had are an error that says where to look, not the end of the process") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = address_space() + (24 << 20); // stacks of two threads, perhaps
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  auto many = can_have_threads(64);
  std::vector<std::thread> made;
  result<std::thread> last = error(errc::internal, "");
  bool stop = false;
  std::mutex lock;
  lock.lock();
  while (!stop && made.size() < 64) {
    last = start_thread("held", [&] { std::lock_guard wait(lock); });
    if (last) made.push_back(std::move(*last));
    else stop = true;
  }
  lock.unlock();
  for (auto& t : made) t.join();
  REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  REQUIRE_FALSE(many.ok());
  CHECK(many.err().text.find("of the 64 that the agent needs") != std::string::npos);
  REQUIRE(stop);
  CHECK(last.err().text.find("cannot start thread held: ") == 0);
  CHECK(last.err().text.find("ulimit -v") != std::string::npos);
}
#endif
