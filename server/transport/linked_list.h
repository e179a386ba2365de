#ifndef LOSSD_SERVER_TRANSPORT_LINKED_LIST_H_
#define LOSSD_SERVER_TRANSPORT_LINKED_LIST_H_

namespace lossd::transport {

// The place of an object in a LinkedList: the object has it as a member, or derives from it.
class ListPlace {
 public:
  ListPlace() = default;
  ListPlace(const ListPlace&) = delete;
  ListPlace& operator=(const ListPlace&) = delete;

  bool taken() const { return next_ != nullptr; }

 private:
  template <typename T, ListPlace T::*kPlace>
  friend class LinkedList;

  ListPlace* previous_ = nullptr;
  ListPlace* next_ = nullptr;
  void* object_ = nullptr;
};

// A list whose objects bring their own places: entering and leaving it takes no memory. An object
// leaves the list before it goes. Not thread-safe.
template <typename T, ListPlace T::*kPlace>
class LinkedList {
 public:
  LinkedList() { end_.previous_ = end_.next_ = &end_; }
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;

  bool empty() const { return end_.next_ == &end_; }
  T* first() { return At(end_.next_); }
  T* after(T& object) { return At((object.*kPlace).next_); }

  // The object is in no list of this place.
  void Append(T& object) {
    ListPlace& place = object.*kPlace;
    place.object_ = &object;
    place.previous_ = end_.previous_;
    place.next_ = &end_;
    end_.previous_->next_ = &place;
    end_.previous_ = &place;
  }

  // The object need not be in the list.
  void Remove(T& object) {
    ListPlace& place = object.*kPlace;
    if (!place.taken()) return;
    place.previous_->next_ = place.next_;
    place.next_->previous_ = place.previous_;
    place.previous_ = place.next_ = nullptr;
  }

 private:
  T* At(ListPlace* place) { return place == &end_ ? nullptr : static_cast<T*>(place->object_); }

  ListPlace end_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_LINKED_LIST_H_
