#include "runtime/net/turn_queue.hpp"
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <doctest/doctest.h>
#include <functional>
#include <sys/epoll.h>
#include <unistd.h>

using namespace actord;
using namespace actord::net;

TEST_CASE("handlers that ask for another turn are served in the order of asking, behind those who have an event, and withdrawing takes it back") {
  auto loop = std::move(*io_loop::make());
  turn_queue turns(*loop);
  int p[2];
  REQUIRE(::pipe(p) == 0);
  std::string order;
  struct greedy : turn_taker {
    io_loop* loop;
    turn_queue* turns;
    std::string* order;
    char name;
    greedy(io_loop* l, turn_queue* t, std::string* o, char n) : loop(l), turns(t), order(o), name(n) {}
    void on_turn() override {
      *order += name;
      if (order->size() < 60) turns->again(this);
      else loop->stop();
    }
  };
  greedy a(loop.get(), &turns, &order, 'a'), b(loop.get(), &turns, &order, 'b'), gone(loop.get(), &turns, &order, 'x');
  struct good : io_handler {
    int fd = -1;
    std::string* order = nullptr;
    void on_io(uint32_t) override { *order += '.'; } // level-triggered, and nobody reads: an event in every iteration
  } c;
  c.fd = p[0];
  c.order = &order;
  REQUIRE(loop->watch(p[0], EPOLLIN, &c).ok());
  REQUIRE(::write(p[1], "x", 1) == 1);
  loop->post([&] {
    turns.again(&a);
    turns.again(&gone);
    turns.again(&b);
    turns.again(&a); // asking twice is asking once
    turns.withdraw(&gone);
  });
  loop->run();
  CHECK(order.find('x') == order.npos);
  // The good one is served before each round of the greedy ones, and these take turns.
  size_t since = 0;
  for (size_t i = order.find('a'), last = 0; i < order.size(); ++i) {
    if (order[i] == '.') {
      since = 0;
      continue;
    }
    CHECK(++since <= 2);
    CHECK(order[i] != last);
    last = static_cast<unsigned char>(order[i]);
  }
}

TEST_CASE("however many ask for another turn and however long theirs are, one with an event waits for one of them and the budget at most") {
  auto loop = std::move(*io_loop::make());
  turn_queue turns(*loop);
  int p[2];
  REQUIRE(::pipe(p) == 0);
  int served = 0, longest = 0, since = 0, events = 0;
  struct slow : turn_taker {
    std::function<void(slow&)> f;
    void on_turn() override { f(*this); }
  };
  std::vector<slow> many(64);
  for (auto& s : many)
    s.f = [&](slow& self) {
      const auto until = io_loop::clock::now() + turn_queue::budget;
      while (io_loop::clock::now() < until) continue;
      longest = std::max(longest, ++since);
      ++served;
      turns.again(&self);
    };
  struct good : io_handler {
    std::function<void()> f;
    void on_io(uint32_t) override { f(); }
  } c;
  c.f = [&] {
    since = 0;
    if (++events == 200) loop->stop();
  };
  REQUIRE(loop->watch(p[0], EPOLLIN, &c).ok());
  REQUIRE(::write(p[1], "x", 1) == 1);
  loop->post([&] {
    for (auto& s : many) turns.again(&s);
  });
  loop->run();
  CHECK(longest == 1);
  CHECK(served >= 90);
  for (auto& s : many) turns.withdraw(&s);
}

TEST_CASE("sources are served in turn, however many of one ask, and nobody twice in an iteration") {
  auto loop = std::move(*io_loop::make());
  turn_queue turns(*loop);
  std::string order;
  struct taker : turn_taker {
    io_loop* loop;
    turn_queue* turns;
    std::string* order;
    char name;
    taker(uint64_t source, io_loop* l, turn_queue* t, std::string* o, char n) : turn_taker(source), loop(l), turns(t), order(o), name(n) {}
    void on_turn() override {
      *order += name;
      if (order->size() < 400) turns->again(this);
      else loop->stop();
    }
  };
  std::deque<taker> many;
  for (int i = 0; i < 50; ++i) many.emplace_back(uint64_t{1} << 56, loop.get(), &turns, &order, 'm');
  taker few(uint64_t{200} << 56, loop.get(), &turns, &order, 'f'), other(~uint64_t{0}, loop.get(), &turns, &order, 'o'), gone(5, loop.get(), &turns, &order, 'x');
  loop->post([&] {
    for (auto& t : many) turns.again(&t);
    for (auto* t : {&few, &gone, &other}) turns.again(t);
    turns.withdraw(&gone);
    turns.withdraw(&many[20]); // in the middle of its line
  });
  loop->run();
  CHECK(order.find('x') == order.npos);
  CHECK(order.find('f') < 3);
  CHECK(order.find('o') < 3);
  // They come again in the next iteration, and in one of them everybody does at most.
  const auto fs = std::count(order.begin(), order.end(), 'f'), os = std::count(order.begin(), order.end(), 'o');
  CHECK(fs >= 7);
  CHECK(std::abs(fs - os) <= 1);
  CHECK(order.find("ff") == order.npos);
  for (auto& t : many) turns.withdraw(&t);
  for (auto* t : {&few, &other}) turns.withdraw(t);
}

TEST_CASE("where they may as often as they ask, one has the whole budget of an iteration, not a turn of it, and several take turns in it") {
  auto loop = std::move(*io_loop::make());
  turn_queue turns(*loop, true);
  int iterations = 0;
  std::string order;
  struct taker : turn_taker {
    std::function<void(taker&)> f;
    void on_turn() override { f(*this); }
  } one, other;
  std::function<void()> count = [&] { ++iterations, loop->post(count); };
  one.f = [&](taker& self) {
    order += '1';
    if (order.size() < 3000) turns.again(&self);
    else loop->stop();
  };
  other.f = [&](taker& self) {
    order += '2';
    if (order.size() < 2000) turns.again(&self);
  };
  loop->post([&] { turns.again(&one), turns.again(&other), count(); });
  loop->run();
  CHECK(order.size() >= 3000);
  CHECK(iterations < 1500);
  CHECK(order.substr(0, 1900).find("11") == order.npos);
  CHECK(order.substr(0, 1900).find("22") == order.npos);
}
