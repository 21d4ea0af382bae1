#include "actors/coordinate/core/vivaldi.hpp"
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace actord;
using namespace std::chrono_literals;
using coordinate::vivaldi;
using place = coordinate::coordinate;

namespace {

bool close(double a, double b) { return std::abs(a - b) <= 1e-15 * std::max(1.0, std::abs(b)); }

// Nodes that measure one another in random pairs; how far off the estimates are in the end.
struct network {
  std::vector<vivaldi> nodes;
  std::vector<std::vector<double>> truth; // seconds

  explicit network(size_t n) : truth(n, std::vector<double>(n, 0)) {
    for (size_t i = 0; i < n; ++i) nodes.emplace_back(prng(i + 1));
  }
  template <class Distance> void set(Distance of) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (size_t j = 0; j < nodes.size(); ++j) truth[i][j] = i == j ? 0 : of(i, j);
    }
  }
  // `noise`: each measurement is up to this share too long.
  void run(int rounds, double noise = 0) {
    prng random(99);
    for (int round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < nodes.size(); ++i) {
        size_t j = i;
        while (j == i) j = random.below(nodes.size());
        const double longer = 1 + noise * static_cast<double>(random.below(1000)) / 1000;
        REQUIRE(nodes[i].update(std::to_string(j), nodes[j].own(), nanos(static_cast<int64_t>(truth[i][j] * longer * 1e9))).ok());
      }
    }
  }
  struct errors { double mean, worst; };
  errors measure() const {
    errors e{0, 0};
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (size_t j = 0; j < nodes.size(); ++j) {
        if (i == j) continue;
        const double estimate = std::chrono::duration<double>(distance(nodes[i].own(), nodes[j].own())).count();
        const double off = std::abs(estimate - truth[i][j]) / truth[i][j];
        e.mean += off / static_cast<double>(nodes.size() * (nodes.size() - 1));
        e.worst = std::max(e.worst, off);
      }
    }
    return e;
  }
};

} // namespace

TEST_CASE("four measurements move a fresh node exactly as they move serf's") {
  vivaldi v(prng(1));
  place peer;
  peer.vec = {0.01, -0.002, 0, 0, 0, 0, 0, 0.005};
  peer.error = 0.7;
  peer.adjustment = 0.0001;
  peer.height = 0.0005;
  struct expected { nanos rtt; double error, adjustment, height, vec0, vec1, vec7; };
  const expected table[] = {
      {20ms, 1.3127742954545456, 0.00016753958358579047, 7.147768531514757e-05, -0.0012054448434333427, 0.00024108896868666856, -0.0006027224217166713},
      {25ms, 1.173294723516162, 0.00041137671703560616, 0.00015519398103034458, -0.002846940920979406, 0.0005693881841958813, -0.001423470460489703},
      {18ms, 1.0227900765304336, 0.0005128622915022784, 0.00018502015676593412, -0.003431767996339523, 0.0006863535992679047, -0.0017158839981697616},
      {100ms, 0.9211327187338302, 0.0007065994889366307, 0.00024131243384993656, -0.004535538279322358, 0.0009071076558644716, -0.002267769139661179},
  };
  for (const auto& e : table) {
    REQUIRE(v.update("peer", peer, e.rtt).ok());
    CHECK(close(v.own().error, e.error));
    CHECK(close(v.own().adjustment, e.adjustment));
    CHECK(close(v.own().height, e.height));
    CHECK(close(v.own().vec[0], e.vec0));
    CHECK(close(v.own().vec[1], e.vec1));
    CHECK(close(v.own().vec[7], e.vec7));
    CHECK(v.own().vec[2] == 0);
  }
}

TEST_CASE("one measurement between fresh nodes gives the figures seen on the wire") {
  vivaldi v(prng(1));
  REQUIRE(v.update("peer", place{}, nanos(1716505)).ok());
  CHECK(close(v.own().error, 1.4360435521597665));
  CHECK(std::abs(v.own().adjustment - 3.7111046875e-05) < 1e-9);
  double sum = 0;
  for (const double x : v.own().vec) sum += x * x;
  CHECK(std::abs(std::sqrt(sum) - 2.1206312e-4) < 1e-10);
}

TEST_CASE("a distance below zero after adjustment is the one before it") {
  place a, b;
  a.adjustment = -1;
  CHECK(distance(a, b) == 20us);
  a.adjustment = 1e-3;
  CHECK(distance(a, b) == 1020us);
}

TEST_CASE("the median of three keeps one late packet from moving us far") {
  vivaldi calm(prng(1)), hit(prng(1));
  place peer;
  peer.vec[0] = 0.02;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(calm.update("p", peer, 10ms).ok());
    REQUIRE(hit.update("p", peer, i == 19 ? 5s : nanos(10ms)).ok());
  }
  CHECK(calm.own() == hit.own());
}

TEST_CASE("what cannot be a coordinate or a round trip changes nothing") {
  vivaldi v(prng(1));
  REQUIRE(v.update("p", place{}, 5ms).ok());
  const place before = v.own();
  place bad;
  bad.vec[3] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(v.update("p", bad, 5ms).ok());
  bad = {};
  bad.height = std::numeric_limits<double>::infinity();
  CHECK_FALSE(v.update("p", bad, 5ms).ok());
  CHECK_FALSE(v.update("p", place{}, -1ns).ok());
  CHECK_FALSE(v.update("p", place{}, 10001ms).ok());
  CHECK_FALSE(v.start_at(bad).ok());
  CHECK(v.own() == before);
}

TEST_CASE("a result that is no number is thrown away and counted") {
  vivaldi v(prng(1));
  place far;
  far.vec[0] = 1e308;
  far.vec[1] = 1e308;
  for (int i = 0; i < 5; ++i) CHECK(v.update("p", far, 5ms).ok());
  CHECK(is_valid(v.own()));
  CHECK(v.resets() > 0);
  CHECK(distance(v.own(), far) > 0ns);
}

TEST_CASE("a peer's last coordinate is remembered until it is forgotten") {
  vivaldi v(prng(1));
  place peer;
  peer.vec[0] = 0.5;
  CHECK(v.find("p") == nullptr);
  REQUIRE(v.update("p", peer, 5ms).ok());
  REQUIRE(v.find("p") != nullptr);
  CHECK(*v.find("p") == peer);
  v.forget("p");
  CHECK(v.find("p") == nullptr);
}

TEST_CASE("nodes on a line estimate one another within a few per cent") {
  network n(10);
  n.set([](size_t i, size_t j) { return 0.010 * static_cast<double>(i > j ? i - j : j - i); });
  n.run(1000);
  const auto e = n.measure();
  INFO("mean ", e.mean, ", worst ", e.worst);
  CHECK(e.mean < 0.005);
  CHECK(e.worst < 0.08);
}

TEST_CASE("nodes on a grid estimate one another within a few per cent") {
  network n(25);
  n.set([](size_t i, size_t j) {
    const double dx = static_cast<double>(i % 5) - static_cast<double>(j % 5), dy = static_cast<double>(i / 5) - static_cast<double>(j / 5);
    return 0.010 * std::sqrt(dx * dx + dy * dy);
  });
  n.run(1000);
  const auto e = n.measure();
  INFO("mean ", e.mean, ", worst ", e.worst);
  CHECK(e.mean < 0.005);
  CHECK(e.worst < 0.08);
}

TEST_CASE("nodes of two sites tell near from far") {
  network n(24);
  n.set([](size_t i, size_t j) { return i / 12 == j / 12 ? 0.001 : 0.060; });
  n.run(1000);
  const auto e = n.measure();
  INFO("mean ", e.mean, ", worst ", e.worst);
  CHECK(e.mean < 0.05);
  const auto near = distance(n.nodes[0].own(), n.nodes[5].own()), far = distance(n.nodes[0].own(), n.nodes[20].own());
  CHECK(near < 5ms);
  CHECK(far > 50ms);
}

TEST_CASE("noise of a fifth still gives estimates within a few per cent of the mean") {
  network n(25);
  n.set([](size_t i, size_t j) { return i / 12 == j / 12 ? 0.010 : 0.060; });
  n.run(1000, 0.2);
  const auto e = n.measure();
  INFO("mean ", e.mean, ", worst ", e.worst);
  CHECK(e.mean < 0.12);
}
