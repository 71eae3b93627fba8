# A cell, as a model writes it: how far is the heater from the door?
scene = tools.Reconstruct.Reconstruct(InputImages[-1])
heater = tools.SAM3.segment_image_by_text(InputImages[-1], "heater")
door = tools.SAM3.segment_image_by_text(InputImages[-1], "door")
show([heater, door], label="heater and door")

heater_points = heater.get_masked_points(scene, -1)
door_points = door.get_masked_points(scene, -1)
distances, nearest = np.KDTree(door_points).query(heater_points)
i = np.argmin(distances)
print(f"raw points: {distances[i]:.3f} m, from {heater_points[i]} to {door_points[nearest[i]]}")

# The same between the surfaces, with noise averaged and its sigma: the answer.
distance = tools.Geometry.surface_distance(heater_points, door_points)
print(distance)
ReturnAnswer(distance)
