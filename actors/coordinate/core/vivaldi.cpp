#include "actors/coordinate/core/vivaldi.hpp"
#include <algorithm>
#include <cmath>

namespace actord::coordinate {

namespace {

constexpr double ce = 0.25;           // how fast the error follows
constexpr double cc = 0.25;           // how far one measurement moves
constexpr double gravity_rho = 150;   // seconds
constexpr double nearly_zero = 1e-6;  // seconds; also the least round trip and error that is divided by
constexpr size_t filter_size = 3;
constexpr nanos rtt_max = std::chrono::seconds(10);

using vector = std::array<double, dimensions>;

double length(const vector& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

double seconds(nanos d) { return static_cast<double>(d.count()) / 1e9; }

// Without the adjustments.
double raw_distance(const coordinate& a, const coordinate& b) {
  vector gap{};
  for (size_t i = 0; i < dimensions; ++i) gap[i] = a.vec[i] - b.vec[i];
  return length(gap) + a.height + b.height;
}

// The direction from `b` to `a` and how far it is; a random one, and 0, when they are at the same place.
vector direction(const vector& a, const vector& b, prng& random, double& magnitude) {
  vector v{};
  for (size_t i = 0; i < dimensions; ++i) v[i] = a[i] - b[i];
  magnitude = length(v);
  if (magnitude > nearly_zero) {
    for (double& x : v) x /= magnitude;
    return v;
  }
  magnitude = 0;
  for (double& x : v) x = static_cast<double>(random() >> 11) * 0x1.0p-53 - 0.5;
  if (const double m = length(v); m > nearly_zero) {
    for (double& x : v) x /= m;
    return v;
  }
  v = {};
  v[0] = 1;
  return v;
}

// Pushes `c` away from `other` (towards it when the force is negative) by so many seconds.
void push(coordinate& c, double force, const coordinate& other, prng& random) {
  double magnitude = 0;
  const vector unit = direction(c.vec, other.vec, random, magnitude);
  for (size_t i = 0; i < dimensions; ++i) c.vec[i] += unit[i] * force;
  if (magnitude > nearly_zero) c.height = std::max(height_min, (c.height + other.height) * force / magnitude + c.height);
}

double exact_distance(const coordinate& a, const coordinate& b) {
  const double raw = raw_distance(a, b), adjusted = raw + a.adjustment + b.adjustment;
  return adjusted > 0 ? adjusted : raw;
}

} // namespace

bool is_valid(const coordinate& c) {
  return std::all_of(c.vec.begin(), c.vec.end(), [](double x) { return std::isfinite(x); }) && std::isfinite(c.error) &&
         std::isfinite(c.adjustment) && std::isfinite(c.height);
}

nanos distance(const coordinate& a, const coordinate& b) {
  // Coordinates from outside may be anything; what no clock can count is as far as can be.
  const double ns = exact_distance(a, b) * 1e9;
  constexpr double most = 9.2e18;
  return nanos(ns < most ? static_cast<int64_t>(ns) : static_cast<int64_t>(most));
}

status vivaldi::update(const std::string& node, const coordinate& other, nanos rtt) {
  if (!is_valid(other)) return error(errc::bad_request, "coordinate of " + node + " is not a finite number");
  if (rtt < nanos(0) || rtt > rtt_max)
    return error(errc::bad_request, "round trip time not in valid range, duration " + format_duration(rtt) +
                                        " is not a positive value less than 10s");
  peer& p = peers_[node];
  const double smoothed = smooth(p.rtts, seconds(rtt));
  move(other, smoothed);
  adjust(other, smoothed);
  pull_to_origin();
  if (!is_valid(own_)) {
    own_ = {};
    ++resets_;
  }
  p.last = other;
  return {};
}

// The median of the last few, so that one late packet does not move us.
double vivaldi::smooth(std::vector<double>& rtts, double rtt) const {
  rtts.push_back(rtt);
  if (rtts.size() > filter_size) rtts.erase(rtts.begin());
  auto sorted = rtts;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

void vivaldi::move(const coordinate& other, double rtt) {
  const double estimated = seconds(distance(own_, other));
  rtt = std::max(rtt, nearly_zero);
  const double wrong = std::abs(estimated - rtt) / rtt;
  const double weight = own_.error / std::max(own_.error + other.error, nearly_zero);
  own_.error = std::min(error_max, ce * weight * wrong + own_.error * (1 - ce * weight));
  push(own_, cc * weight * (rtt - estimated), other, random_);
}

void vivaldi::adjust(const coordinate& other, double rtt) {
  misses_[next_miss_] = rtt - raw_distance(own_, other);
  next_miss_ = (next_miss_ + 1) % misses_.size();
  double sum = 0;
  for (const double m : misses_) sum += m;
  own_.adjustment = sum / (2 * static_cast<double>(misses_.size()));
}

// Nothing else keeps all coordinates together from drifting away.
void vivaldi::pull_to_origin() {
  const coordinate origin;
  const double share = seconds(distance(origin, own_)) / gravity_rho;
  push(own_, -share * share, origin, random_);
}

status vivaldi::start_at(const coordinate& c) {
  if (!is_valid(c)) return error(errc::bad_request, "coordinate is not a finite number");
  own_ = c;
  return {};
}

const coordinate* vivaldi::find(const std::string& node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? nullptr : &it->second.last;
}

} // namespace actord::coordinate
