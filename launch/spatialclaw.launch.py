# SPDX-License-Identifier: Apache-2.0
"""Starts the spatialclaw node, and RViz when asked to."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    share = FindPackageShare('spatialclaw')
    camera = LaunchConfiguration('camera')

    # Relative names, so that a namespace takes them along.
    topics = {
        'image_topic': ('image', 'colour image'),
        'depth_topic': ('depth', 'depth image, registered to the colour image'),
        'camera_info_topic': ('camera_info', 'calibration of the colour image'),
        'labels_topic': ('labels', 'label image (16UC1)'),
        'label_names_topic': ('label_names', 'names of the labels'),
    }

    arguments = [
        DeclareLaunchArgument('namespace', default_value='', description='Namespace of the node'),
        DeclareLaunchArgument('use_sim_time', default_value='false', description='Follow /clock; wins over params_file'),
        DeclareLaunchArgument('params_file', default_value=PathJoinSubstitution([share, 'config', 'spatialclaw.yaml']),
                              description='Parameters of the node; may hold $(env NAME), $(find-pkg-share NAME), $(var NAME)'),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal'),
        DeclareLaunchArgument('use_respawn', default_value='false', description='Start the node again when it dies'),
        DeclareLaunchArgument('rviz', default_value='false', description='Start RViz too'),
        DeclareLaunchArgument('camera', default_value='camera', description='Camera, by its name in the parameters, that the topics below are for'),
        *[DeclareLaunchArgument(name, default_value=[camera, f'/{leaf}'], description=f'Topic of the {what}')
          for name, (leaf, what) in topics.items()],
    ]
    tf_remappings = [('/tf', 'tf'), ('/tf_static', 'tf_static')]

    node = Node(
        package='spatialclaw',
        executable='spatialclaw_node',
        name='spatialclaw',
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        respawn=LaunchConfiguration('use_respawn'),
        respawn_delay=2.0,
        parameters=[
            ParameterFile(LaunchConfiguration('params_file'), allow_substs=True),
            {'use_sim_time': LaunchConfiguration('use_sim_time')},
        ],
        remappings=tf_remappings + [
            ([camera, f'/{leaf}'], LaunchConfiguration(name)) for name, (leaf, _) in topics.items()],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        name='rviz2',
        namespace=LaunchConfiguration('namespace'),
        arguments=['-d', PathJoinSubstitution([share, 'config', 'spatialclaw.rviz'])],
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
        remappings=tf_remappings,
        condition=IfCondition(LaunchConfiguration('rviz')),
    )
    return LaunchDescription([*arguments, node, rviz])
