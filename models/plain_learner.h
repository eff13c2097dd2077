// Models of the learning fold that the plan does not shape: each is a learner of observations with a view and a snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "models/domain/bytes.h"
#include "models/domain/observation.h"

namespace offerstream {

struct ModelReport;
struct PublishedModel;

/// What the fold asks of such a model. One owner, not thread-safe.
class PlainLearner {
 public:
  virtual ~PlainLearner() = default;
  /// An empty model of this id ("preferences", "churn", "items"); null when the id is of another kind.
  static std::unique_ptr<PlainLearner> Of(std::string_view id);
  /// Who owns observations of the kind: the model's id; empty when it is none of these models.
  static std::string_view OwnerOf(ObservationKind kind);

  /// One observation with its features; what makes no sense is refused and counted.
  virtual void Apply(const Observation& row, std::span<const float> x) = 0;
  /// Puts the frozen view where it belongs.
  virtual void Freeze(std::uint64_t version, PublishedModel& to) const = 0;
  /// Appends the complete state.
  virtual void Save(ByteWriter& out) const = 0;
  /// Fails the reader on damage.
  virtual void Restore(ByteReader& in) = 0;
  /// Whether it has changed so much that it is worth a snapshot; its observations are kept for it until it is.
  virtual bool Due() const { return true; }
  /// It goes out as it is now.
  virtual void Told() {}
  /// What the operator sees of it.
  virtual void Describe(ModelReport& to) const = 0;
};

/// What a logistic model sees in one of its features, with a 95 % interval.
void AddDriver(std::string_view feature, double coefficient, double standard_error, ModelReport& to);

}  // namespace offerstream
